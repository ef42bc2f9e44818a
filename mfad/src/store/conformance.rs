//! What every engine must hold. (Filled below.)
