//! The only place where the parts meet: config → parts → run → drain.
