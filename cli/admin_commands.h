// Commands about the daemon itself: status, version.
#pragma once

#include "cli/session.h"

namespace stillwatch::cli {

ExitCode RunStatus(const Session& session);
// The client's own version, and the daemon's if it can be reached; it is no failure if it cannot.
ExitCode RunVersion(const Session& session);

}  // namespace stillwatch::cli
