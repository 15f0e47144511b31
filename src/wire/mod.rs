//! The MySQL protocol: connection phase, commands, results.
//!
//! Only this module knows packets and capability flags; it sees the engine's answers, never a plan.
