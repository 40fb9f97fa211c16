// Commands about the daemon itself: status, version, backup, erase.
#pragma once

#include <string>

#include "cli/session.h"

namespace stillwatch::cli {

ExitCode RunStatus(const Session& session);
// The client's own version, and the daemon's if it can be reached; it is no failure if it cannot.
ExitCode RunVersion(const Session& session);

// Erases an account. On a terminal the account's id must be typed again first, unless `is_confirmed`; a script is believed.
ExitCode RunErase(const Session& session, const std::string& account_id, bool is_confirmed);
// Makes a copy of the daemon's data in `directory`, a path on the daemon's machine; a relative one counts from here.
ExitCode RunBackup(const Session& session, const std::string& directory);

}  // namespace stillwatch::cli
