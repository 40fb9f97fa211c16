// JSON of LiteLLM and Kong as records.
#pragma once

#include <simdjson.h>

#include "gateways/record.h"

namespace stillwatch::gateways {

// A StandardLoggingPayload of LiteLLM. Beside its own keys the record has "operation" (from call_type) and
// "status_code" (200 of a call that succeeded); "response" and "model_parameters.logit_bias" are there as JSON, too.
void FillFromLiteLlm(const simdjson::dom::object& payload, Record& record);

// An entry of Kong's http-log plugin. Beside its own keys the record has "operation" (from the path) and, below "ai",
// what stands below ai.PLUGIN of whichever plugin; `entry_text` is what "line_id" is made of.
void FillFromKong(const simdjson::dom::object& entry, std::string_view entry_text, Record& record);

}  // namespace stillwatch::gateways
