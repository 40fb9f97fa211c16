// What makes an event valid.
#pragma once

#include <cstdint>
#include <string>

#include "ingest/ingest_counters.h"
#include "proto/usage_batch.h"
#include "stillwatch/v1/usage.pb.h"

namespace stillwatch::ingest {

// Why an event is not valid; `reason` is kNone for one that is.
struct Invalidity {
  RejectReason reason = RejectReason::kNone;
  std::string message;

  bool is_valid() const { return reason == RejectReason::kNone; }
};

// Checks required fields, lengths, encodings, ranges and the time against `now_unix_nano`. Text is only measured here.
Invalidity Validate(const v1::UsageEvent& event, int64_t now_unix_nano);
Invalidity Validate(const v1::AccountProfile& profile);
Invalidity Validate(const v1::ModelInfo& model);

// Writes a valid event's names and numbers into `row`; the batch then points into `event`.
void WriteRow(const v1::UsageEvent& event, UsageBatch& batch, size_t row);

}  // namespace stillwatch::ingest
