"""Results of MLPerf Training: a tree of logs and of descriptions of the systems that ran them."""
