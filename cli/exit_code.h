// Exit codes of the client. Scripts rely on them: never renumber.
#pragma once

namespace stillwatch::cli {

enum class ExitCode : int {
  kOk = 0,
  kFailed = 1,          // One line on standard error says what failed, at which server and why.
  kBadArguments = 2,    // Arguments, files of certificates or tokens that cannot be used.
  kRejectedLines = 3,   // An import went through, but some of its lines were not taken.
  kAccountRefused = 4,  // `check`: the account may not go on.
};

}  // namespace stillwatch::cli
