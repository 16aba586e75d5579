import errno
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from reliability.atomic import check_writable, scratch_folder, write_bytes_whole, write_text_whole
from reliability.errors import WriteError


def test_a_file_is_replaced_whole(tmp_path):
    target = tmp_path / "deep" / "page.html"
    write_text_whole(target, "old")

    write_text_whole(target, "new ñ")

    assert target.read_text(encoding="utf-8") == "new ñ"
    assert [path.name for path in target.parent.iterdir()] == ["page.html"]


def test_a_pipe_is_written_into_and_stays_one(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(pipe.read_bytes)
        write_bytes_whole(pipe, b"told")

        assert read.result(20) == b"told"
    assert pipe.is_fifo()


@pytest.mark.parametrize("folder", [".", "not/yet/there"])
def test_a_folder_that_can_be_written_is_told_without_being_made(tmp_path, folder):
    check_writable(tmp_path / folder)

    assert list(tmp_path.iterdir()) == []


def test_a_folder_below_a_file_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(OSError, match="Not a directory"):
        check_writable(tmp_path / "file" / "folder")


def test_a_full_disk_leaves_the_old_file_and_no_rest(tmp_path, monkeypatch):
    target = tmp_path / "page.html"
    target.write_text("old")

    def full_disk(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full_disk)

    with pytest.raises(WriteError, match=r"page\.html could not be written \(No space left on device\)"):
        write_bytes_whole(target, b"new")

    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_an_interrupt_while_writing_leaves_no_rest(tmp_path, monkeypatch):
    def interrupted(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)

    with pytest.raises(KeyboardInterrupt):
        write_bytes_whole(tmp_path / "page.html", b"new")

    assert list(tmp_path.iterdir()) == []


def test_a_temporary_folder_is_gone_afterwards():
    with scratch_folder() as folder:
        (folder / "x").write_text("x")

    assert not folder.exists()


def test_a_temporary_folder_that_cannot_be_made_is_a_write_error_with_a_cure(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))

    with pytest.raises(WriteError, match=r"no temporary folder .*set TMPDIR"), scratch_folder():
        pass


def test_a_folder_that_is_a_file_is_named_with_a_cure(tmp_path):
    (tmp_path / "outputs").write_text("in the way")

    with pytest.raises(WriteError, match="--out"):
        write_text_whole(tmp_path / "outputs" / "page.html", "x")
