//! Files of other programs, read as users to be moved in.
