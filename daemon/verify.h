// `stillwatchd --verify`: checks a store and says what is damaged.
#pragma once

#include <cstdio>
#include <string>

namespace stillwatch::daemon {

// Reads everything in the store of `data_dir`, changing nothing. Writes a line for each damaged place and a summary to
// `out`; progress goes to standard error if that is a terminal. Returns the exit code: 0 sound, 1 damaged or not to be
// read, 2 if there is no store.
int Verify(const std::string& data_dir, std::FILE* out);

}  // namespace stillwatch::daemon
