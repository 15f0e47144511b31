//! Where files are and how to list and read them: stores, folders of days, caches.
//!
//! It knows files, not tables and no SQL.
