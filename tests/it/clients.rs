//! Real client programs against a server in this process.
