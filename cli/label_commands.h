// Commands of an analyst's decisions: label, labels.
#pragma once

#include <string>

#include "cli/session.h"
#include "stillwatch/v1/score.pb.h"

namespace stillwatch::cli {

struct LabelOptions {
  std::string account_id;
  v1::Label label = v1::LABEL_UNSPECIFIED;
  std::string note;
};

ExitCode RunLabel(const Session& session, const LabelOptions& options);
ExitCode RunLabels(const Session& session);

}  // namespace stillwatch::cli
