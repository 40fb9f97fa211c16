// The client as a whole: arguments in, exit code out.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace stillwatch::cli {

enum class StreamKind { kTerminal, kPlain };

// What the client takes from its process.
struct Environment {
  std::ostream& out;
  std::ostream& err;
  StreamKind out_kind = StreamKind::kPlain;
  StreamKind err_kind = StreamKind::kPlain;
  int64_t now_unix_nano = 0;
  std::string server;    // STILLWATCH_SERVER.
  std::string token;     // STILLWATCH_TOKEN.
  std::string no_color;  // NO_COLOR.
};

// Runs one command. `arguments` without the program's name. Returns the exit code, one of exit_code.h.
int RunClient(const std::vector<std::string>& arguments, const Environment& environment);

}  // namespace stillwatch::cli
