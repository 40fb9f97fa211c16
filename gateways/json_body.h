// The messages of an HTTP body in JSON.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "gateways/listener_catalog.h"
#include "gateways/record.h"
#include "proto/result.h"

namespace stillwatch::gateways {

// Nesting that a message may have; those of LLM gateways have about ten levels.
inline constexpr size_t kBodyDepthMax = 64;

// One message of a body. `text` is how it is written; both are valid for the time of the call.
using TakeJson = std::function<void(uint32_t line, const simdjson::dom::object& message, std::string_view text)>;
// What stands at a line and is no message.
using RefuseJson = std::function<void(uint32_t line, const std::string& reason)>;

// Goes through a body that is a list of objects, one object, or an object a line (NDJSON). `line` counts lines, or
// elements of the list, from 1. In NDJSON a bad line does not stop the others. Errors: kInvalidArgument if a list is
// not JSON.
Status ForEachJson(std::string_view body, const TakeJson& take, const RefuseJson& refuse);

// Makes a record of one message.
using FillRecord = std::function<void(const simdjson::dom::object& message, std::string_view text, Record& record)>;
// Reads captured bodies of a listener (see ListenerCatalog). Of messages that are none the last one is told.
ReadRecords ReaderOfJson(FillRecord fill);

}  // namespace stillwatch::gateways
