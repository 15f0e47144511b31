//! Expressions over a table's columns as expressions over one file's. It must not know how columns were found.
