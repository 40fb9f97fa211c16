#include <grpc/grpc.h>
#include <malloc.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "cli/client.h"

namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

stillwatch::cli::StreamKind KindOf(int descriptor) {
  return isatty(descriptor) != 0 ? stillwatch::cli::StreamKind::kTerminal : stillwatch::cli::StreamKind::kPlain;
}

}  // namespace

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  // An import makes and frees batches all the time; giving their memory back in between costs a tenth of its CPU.
  mallopt(M_MMAP_THRESHOLD, 64 << 20);
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const stillwatch::cli::Environment environment{
      .out = std::cout,
      .err = std::cerr,
      .out_kind = KindOf(STDOUT_FILENO),
      .err_kind = KindOf(STDERR_FILENO),
      .now_unix_nano = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count(),
      .server = Variable("STILLWATCH_SERVER"),
      .token = Variable("STILLWATCH_TOKEN"),
      .no_color = Variable("NO_COLOR"),
  };
  // gRPC's shutdown waits up to ten seconds for a poller that a full socket leaves behind. Everything is printed and
  // every call is finished by then, so the library is kept up and the process ends without it.
  grpc_init();
  const int exit_code = stillwatch::cli::RunClient(std::vector<std::string>(argv + 1, argv + argc), environment);
  std::cout.flush();
  std::cerr.flush();
  std::_Exit(exit_code);
}
