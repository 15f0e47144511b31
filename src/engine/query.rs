//! The life of one statement: parse, rewrite, plan, admit, execute.
