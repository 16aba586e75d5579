-- Leases for many hosts. Every call is one transaction of one round trip. It takes an advisory lock
-- on its resource before it draws a token, so that tokens are granted in order and nobody
-- deadlocks. The exclusion constraint is the net for writers that come past these functions.
CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public;

CREATE TABLE reliability_lease (
    token bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resource text NOT NULL,
    holder text NOT NULL,
    start_at timestamptz NOT NULL,
    end_at timestamptz NOT NULL CHECK (end_at > start_at),
    acquired_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    extension_count integer NOT NULL DEFAULT 0 CHECK (extension_count <= max_extensions),
    max_extensions integer NOT NULL,
    max_total interval CHECK (end_at - start_at <= max_total),
    EXCLUDE USING gist (resource WITH =, tstzrange(start_at, end_at) WITH &&)
);

CREATE INDEX reliability_lease_by_expiry ON reliability_lease (expires_at);

-- Living leases in the way of a range. (`clock_timestamp`: `now` stands still within a transaction.)
CREATE FUNCTION reliability_lease_others(
    of_resource text, from_at timestamptz, to_at timestamptz, now_at timestamptz
) RETURNS SETOF reliability_lease LANGUAGE sql STABLE AS $$
    SELECT * FROM reliability_lease
    WHERE resource = of_resource AND tstzrange(start_at, end_at) && tstzrange(from_at, to_at)
        AND expires_at > now_at
    ORDER BY start_at
$$;

-- Removes expired leases in the way of a range, and long dead ones: no constraint can look at a clock.
CREATE FUNCTION reliability_lease_reap(
    of_resource text, from_at timestamptz, to_at timestamptz, now_at timestamptz
) RETURNS void LANGUAGE sql VOLATILE AS $$
    DELETE FROM reliability_lease
    WHERE resource = of_resource AND expires_at <= now_at AND (
        tstzrange(start_at, end_at) && tstzrange(from_at, to_at) OR expires_at <= now_at - interval '1 day')
$$;

-- The lease that somebody shows, its row locked; one of another store has another instant of its grant.
CREATE FUNCTION reliability_lease_mine(
    of_token bigint, of_resource text, of_holder text, granted_at timestamptz
) RETURNS SETOF reliability_lease LANGUAGE sql VOLATILE AS $$
    SELECT * FROM reliability_lease
    WHERE token = of_token AND resource = of_resource AND holder = of_holder AND acquired_at = granted_at
    FOR UPDATE
$$;

-- Each function below gives one row ('ok', the lease), one row (why not, null), or a row
-- ('conflict', other lease) for each lease in the way.

CREATE FUNCTION reliability_lease_acquire(
    of_resource text, of_holder text, from_at timestamptz, to_at timestamptz, ttl interval,
    most_extensions integer, longest interval
) RETURNS TABLE (outcome text, lease reliability_lease)
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    now_at timestamptz := clock_timestamp();
    granted reliability_lease;
BEGIN
    -- without the lock first: a refusal makes nobody wait
    RETURN QUERY SELECT 'conflict', other FROM reliability_lease_others(of_resource, from_at, to_at, now_at) AS other;
    IF FOUND THEN RETURN; END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(of_resource, 0));
    LOOP
        now_at := clock_timestamp();
        RETURN QUERY SELECT 'conflict', other
            FROM reliability_lease_others(of_resource, from_at, to_at, now_at) AS other;
        IF FOUND THEN RETURN; END IF;
        PERFORM reliability_lease_reap(of_resource, from_at, to_at, now_at);
        INSERT INTO reliability_lease
            (resource, holder, start_at, end_at, acquired_at, expires_at, max_extensions, max_total)
        VALUES (of_resource, of_holder, from_at, to_at, now_at, now_at + ttl, most_extensions, longest)
        ON CONFLICT DO NOTHING RETURNING * INTO granted;
        IF FOUND THEN
            RETURN QUERY SELECT 'ok', granted;
            RETURN;
        END IF; -- a writer that came past this function: look again
    END LOOP;
END
$$;

CREATE FUNCTION reliability_lease_extend(
    of_token bigint, of_resource text, of_holder text, granted_at timestamptz, to_at timestamptz
) RETURNS TABLE (outcome text, lease reliability_lease)
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    now_at timestamptz;
    held reliability_lease;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(of_resource, 0));
    SELECT * INTO held FROM reliability_lease_mine(of_token, of_resource, of_holder, granted_at);
    now_at := clock_timestamp();
    outcome := CASE
        WHEN held.token IS NULL THEN 'not_holder'
        WHEN held.expires_at <= now_at THEN 'expired'
        WHEN to_at <= held.end_at THEN 'not_forward'
        WHEN held.extension_count >= held.max_extensions THEN 'max_extensions'
        WHEN to_at - held.start_at > held.max_total THEN 'max_total'
    END;
    IF outcome IS NOT NULL THEN
        RETURN NEXT;
        RETURN;
    END IF;
    -- from its own end on: the lease itself is not in its way
    RETURN QUERY SELECT 'conflict', other
        FROM reliability_lease_others(of_resource, held.end_at, to_at, now_at) AS other;
    IF FOUND THEN RETURN; END IF;
    PERFORM reliability_lease_reap(of_resource, held.end_at, to_at, now_at);
    UPDATE reliability_lease SET end_at = to_at, extension_count = extension_count + 1
        WHERE token = of_token RETURNING * INTO held;
    RETURN QUERY SELECT 'ok', held;
END
$$;

CREATE FUNCTION reliability_lease_renew(
    of_token bigint, of_resource text, of_holder text, granted_at timestamptz, ttl interval
) RETURNS TABLE (outcome text, lease reliability_lease)
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    now_at timestamptz;
    held reliability_lease;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(of_resource, 0));
    SELECT * INTO held FROM reliability_lease_mine(of_token, of_resource, of_holder, granted_at);
    now_at := clock_timestamp();
    IF held.token IS NULL OR held.expires_at <= now_at THEN
        outcome := CASE WHEN held.token IS NULL THEN 'not_holder' ELSE 'expired' END;
        RETURN NEXT;
        RETURN;
    END IF;
    UPDATE reliability_lease SET expires_at = now_at + ttl WHERE token = of_token RETURNING * INTO held;
    RETURN QUERY SELECT 'ok', held;
END
$$;
