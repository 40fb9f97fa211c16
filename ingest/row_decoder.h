// One event of a row batch: from the wire into a row.
#pragma once

#include <cstdint>
#include <string_view>

#include "ingest/validation.h"
#include "proto/usage_batch.h"
#include "proto/wire_reader.h"

namespace stillwatch::ingest {

// Decodes v1.UsageEvent messages into rows of a batch, without a message between: names become views of the wire's bytes,
// and each is looked at once however many rows share it. Reads what the generated parser reads: of a field that comes
// twice the last one counts, unknown fields and wire types are passed over, and text must be UTF-8.
// Threading: none of its own. Ownership: the batch points into the bytes decoded.
class RowDecoder {
 public:
  // `batch` and `check` must outlive it.
  RowDecoder(UsageBatch& batch, const NumberCheck& check) : batch_(batch), check_(check) {}

  // Appends the event as a row and returns what is wrong with it, in which case there is no row. `texts` are the event's.
  Invalidity Decode(std::string_view event, EventTexts& texts);

 private:
  struct Digest;

  bool ReadField(WireReader& reader, EventTexts& texts, Digest& digest);
  void SetText(TextField field, std::string_view value);
  void SetNumber(NumberField field, uint64_t value);
  void SetDigest(const Digest& digest);
  void Reject(Invalidity invalidity);

  UsageBatch& batch_;
  const NumberCheck& check_;
  size_t row_ = 0;
  Invalidity invalidity_;  // Of the row, the first one.
};

}  // namespace stillwatch::ingest
