#include "cli/session.h"

#include <chrono>

#include "cli/connection.h"

namespace stillwatch::cli {

ExitCode Fail(const Session& session, const std::string& what, const Status& status) {
  session.status_line.Say("cannot " + what + " at " + session.server + ": " + status.message() + " (" +
                          std::string(CodeName(status.code())) + ")");
  return ExitCode::kFailed;
}

void SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(1));
}

}  // namespace stillwatch::cli
