//! Partition folders: their names as typed values. It must not know what is listed when.
