//! What a refresh asks for, and what becomes of the answers.
