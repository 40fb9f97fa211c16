// OTLP requests, in protobuf or JSON, as records.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "gateways/otlp_item.h"
#include "proto/result.h"

namespace stillwatch::gateways {

enum class OtlpSignal : uint8_t { kTraces, kLogs };

// Called for each item; the item is used again for the next one.
using TakeOtlpItem = std::function<void(OtlpItem& item)>;

// Reads the bytes of an Export…ServiceRequest without copying texts. Errors: kInvalidArgument if they are none; items
// that were read before were taken. Limits: values nested deeper than 8 levels are left out.
Status ReadOtlpProtobuf(OtlpSignal signal, std::string_view body, const TakeOtlpItem& take);
// The same for its JSON form: names in either case, 64-bit integers as numbers or texts, ids in hexadecimal digits.
Status ReadOtlpJson(OtlpSignal signal, std::string_view body, const TakeOtlpItem& take);
// Reads a captured body of either form and signal.
Status ReadOtlpCapture(std::string_view body, const TakeOtlpItem& take);

}  // namespace stillwatch::gateways
