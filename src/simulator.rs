//! A simulated Amperity API, as strict as the real one, for `demo`,
//! `simulator` and the tests. It shares no type with the client, so that the
//! two cannot be wrong together.
