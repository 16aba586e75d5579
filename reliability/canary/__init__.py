"""The canary verdict on the command line: judged without a notebook, again from a file, planned and calibrated."""
