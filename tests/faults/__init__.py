"""Every system call of the parts that serve fails once; see :mod:`tests.faults.test_matrix`."""
