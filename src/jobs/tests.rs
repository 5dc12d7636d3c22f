//! What becomes of the API's answers, the documented and the hostile ones.
