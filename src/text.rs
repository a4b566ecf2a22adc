//! A leaf of text: spans, suggestions, durations.
