"""One contract, run against applications in the frameworks that people use."""
