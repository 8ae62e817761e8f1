"""The Autobahn test suite against an echo application; see the module that runs."""
