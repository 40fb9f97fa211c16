// Runs the client within a test.
#pragma once

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "cli/client.h"

namespace stillwatch::cli {

struct ClientRun {
  int exit_code = -1;
  std::string out;
  std::string err;
};

// It is 2026-03-02T00:00:00Z.
inline ClientRun RunArguments(const std::vector<std::string>& arguments, StreamKind out_kind = StreamKind::kPlain,
                              const std::string& token = "") {
  std::ostringstream out;
  std::ostringstream err;
  const Environment environment{.out = out,
                                .err = err,
                                .out_kind = out_kind,
                                .err_kind = StreamKind::kPlain,
                                .now_unix_nano = 1'772'409'600'000'000'000,
                                .server = "",
                                .token = token,
                                .no_color = ""};
  const int exit_code = RunClient(arguments, environment);
  return {exit_code, out.str(), err.str()};
}

}  // namespace stillwatch::cli
