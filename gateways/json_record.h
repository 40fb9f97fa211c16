// JSON of LiteLLM, Kong and Portkey as records.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <string_view>

#include "gateways/record.h"

namespace stillwatch::gateways {

// A StandardLoggingPayload of LiteLLM. Beside its own keys the record has "operation" (from call_type) and
// "status_code" (200 of a call that succeeded); "response" and "model_parameters.logit_bias" are there as JSON, too.
void FillFromLiteLlm(const simdjson::dom::object& payload, Record& record);

// An entry of Kong's http-log plugin. Beside its own keys the record has "operation" (from the path) and, below "ai",
// what stands below ai.PLUGIN of whichever plugin; `entry_text` is what "line_id" is made of.
void FillFromKong(const simdjson::dom::object& entry, std::string_view entry_text, Record& record);

// The body of a guardrail of Portkey's gateway. Beside its own keys the record has "time_unix_nano" (the answer's own, in
// whole seconds, or `now_unix_nano` if that cannot be); "request.json", "response.json" and "request.json.logit_bias" are
// there as JSON, too.
void FillFromPortkey(const simdjson::dom::object& body, int64_t now_unix_nano, Record& record);

}  // namespace stillwatch::gateways
