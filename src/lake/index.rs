//! Which files a place has: listings, one per folder of a day, cached. It must not know tables.
