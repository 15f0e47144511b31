//! What an operator does and sees: starting, stopping, health, metrics, mistakes in the config.
