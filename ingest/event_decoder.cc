#include "ingest/event_decoder.h"

#include <grpcpp/support/slice.h>
#include <xxhash.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <memory>
#include <utility>

#include "ingest/column_decoder.h"
#include "ingest/row_decoder.h"
#include "proto/limits.h"
#include "proto/wire_reader.h"
#include "stillwatch/v1/ingest.pb.h"

namespace stillwatch::ingest {
namespace {

using Request = v1::StreamUsageRequest;

// Bytes of a small event: for so many rows a batch is made at first.
constexpr size_t kSmallEventBytes = 128;

// A v1.StreamUsageRequest, with its events and columns still in their wire form.
struct WireRequest {
  uint64_t sequence = 0;
  std::string_view source_id;
  std::vector<std::string_view> events;
  std::vector<std::string_view> columns;
  std::optional<uint64_t> complete_through_unix_nano;
  uint64_t cumulative_acknowledgement = 0;

  bool Read(std::string_view bytes) {
    WireReader reader(bytes);
    uint32_t field = 0;
    WireType type{};
    while (!reader.empty() && events.size() <= kBatchEventCountMax && columns.size() <= 1) {
      if (!reader.ReadTag(field, type) || !ReadField(reader, field, type)) return false;
    }
    return true;
  }

 private:
  bool ReadField(WireReader& reader, uint32_t field, WireType type) {
    const bool is_bytes = type == WireType::kBytes;
    if (field == Request::kSequenceFieldNumber && type == WireType::kVarint) return reader.ReadVarint(sequence);
    if (field == Request::kCumulativeAcknowledgementFieldNumber && type == WireType::kVarint) {
      return reader.ReadVarint(cumulative_acknowledgement);
    }
    if (field == Request::kSourceIdFieldNumber && is_bytes) return reader.ReadBytes(source_id);
    if (field == Request::kEventsFieldNumber && is_bytes) return reader.ReadBytes(events.emplace_back());
    if (field == Request::kColumnsFieldNumber && is_bytes) return reader.ReadBytes(columns.emplace_back());
    if (field == Request::kCompleteThroughUnixNanoFieldNumber && type == WireType::kFixed64) {
      return reader.ReadFixed64(complete_through_unix_nano.emplace());
    }
    return reader.Skip(field, type);
  }
};

Status CheckRequest(const WireRequest& request) {
  if (request.events.size() > kBatchEventCountMax) {
    return Status(Code::kResourceExhausted, "a batch has at most " + std::to_string(kBatchEventCountMax) + " events");
  }
  if (request.columns.size() > 1 || (!request.columns.empty() && !request.events.empty())) {
    return Status(Code::kInvalidArgument, "a batch has either events or columns, and these once");
  }
  if (request.source_id.size() > kNameBytesMax) {
    return Status(Code::kInvalidArgument, "source_id has at most " + std::to_string(kNameBytesMax) + " bytes");
  }
  return Status();
}

// The idempotency key of an event that brought none: the same when the batch is sent again.
std::string DeriveEventId(std::string_view source, uint64_t sequence, uint32_t index) {
  std::string key(source);
  key += '\0';
  key += std::to_string(sequence);
  key += '/';
  key += std::to_string(index);
  const XXH128_hash_t hash = XXH3_128bits(key.data(), key.size());
  char text[33];
  std::snprintf(text, sizeof(text), "%016llx%016llx", static_cast<unsigned long long>(hash.high64),
                static_cast<unsigned long long>(hash.low64));
  return text;
}

// A message as it came, and what can be read of it at once.
struct Message {
  std::shared_ptr<grpc::Slice> slice;
  WireRequest request;

  Status Read(const grpc::ByteBuffer& bytes) {
    if (bytes.Length() > kMessageBytesMax) return Status(Code::kResourceExhausted, "a batch has at most 64 MiB");
    slice = std::make_shared<grpc::Slice>();
    if (!bytes.DumpToSingleSlice(slice.get()).ok()) return Status(Code::kInvalidArgument, "the message has no bytes");
    if (!request.Read({reinterpret_cast<const char*>(slice->begin()), slice->size()})) {
      return Status(Code::kInvalidArgument, "the message is not a v1.StreamUsageRequest");
    }
    return CheckRequest(request);
  }
};

// A message's rows in a batch, from `first` on, with what is known of their places in the message.
struct Rows {
  size_t first = 0;
  std::vector<uint32_t> indexes;  // In the message, by row.
  std::vector<Rejection> rejections;
};

Rows DecodeEvents(const std::vector<std::string_view>& events, UsageBatch& batch, RowDecoder& decoder,
                  const features::PromptDigester& digester) {
  Rows out;
  out.first = batch.size();
  out.indexes.reserve(events.size());
  EventTexts texts;
  for (uint32_t index = 0; index < events.size(); ++index) {
    Invalidity invalidity = decoder.Decode(events[index], texts);
    if (!invalidity.is_valid()) {
      out.rejections.push_back({index, invalidity.reason, std::move(invalidity.message)});
      continue;
    }
    if (!texts.empty()) {
      digester.Digest(texts.system_prompt, texts.prompt, texts.completion, batch, batch.size() - 1);
    }
    out.indexes.push_back(index);
  }
  return out;
}

Result<Rows> DecodeColumns(std::string_view columns, UsageBatch& batch, const NumberCheck& check,
                           const features::PromptDigester& digester) {
  Rows out;
  ColumnDecoder decoder(batch, check);
  STILLWATCH_RETURN_IF_ERROR(decoder.Decode(columns));
  out.indexes.reserve(batch.size());
  for (uint32_t row = 0; row < batch.size(); ++row) {
    if (decoder.invalidities().contains(row)) continue;
    if (const EventTexts texts = decoder.texts(row); !texts.empty()) {
      digester.Digest(texts.system_prompt, texts.prompt, texts.completion, batch, row);
    }
    out.indexes.push_back(row);
  }
  for (const auto& [row, invalidity] : decoder.invalidities()) {
    out.rejections.push_back({row, invalidity.reason, invalidity.message});
  }
  batch.KeepRows(out.indexes);
  return out;
}

void DeriveMissingIds(const WireRequest& request, std::string_view stream_id, const Rows& rows, UsageBatch& batch) {
  const std::string_view source = request.source_id.empty() ? stream_id : request.source_id;
  std::shared_ptr<std::deque<std::string>> derived;
  for (size_t row = rows.first; row < batch.size(); ++row) {
    if (!batch.text(row, TextField::kEventId).empty()) continue;
    if (derived == nullptr) derived = std::make_shared<std::deque<std::string>>();
    derived->push_back(DeriveEventId(source, request.sequence, rows.indexes[row - rows.first]));
    batch.SetText(row, TextField::kEventId, derived->back());
  }
  if (derived != nullptr) batch.KeepAlive(std::move(derived));
}

// Those of the first messages that go into one batch.
struct MessageGroup {
  std::vector<Message> messages;
  size_t bytes = 0;
  size_t event_count = 0;
  Status status;  // Of the message behind them.

  void Read(std::span<const grpc::ByteBuffer> buffers) {
    bool is_open = true;
    for (size_t i = 0; i < buffers.size() && is_open; ++i) {
      Message message;
      status = message.Read(buffers[i]);
      const WireRequest& request = message.request;
      const bool has_columns = !request.columns.empty();
      if (!status.ok() || (has_columns && !messages.empty())) return;
      if (!messages.empty() && request.source_id != messages.front().request.source_id) return;
      bytes += buffers[i].Length();
      event_count += request.events.size();
      is_open = !has_columns && !request.complete_through_unix_nano && event_count < EventDecoder::kEventsTogether;
      messages.push_back(std::move(message));
    }
  }
  size_t row_count_expected() const { return std::min(event_count, bytes / kSmallEventBytes + 1); }
};

}  // namespace

Result<DecodedBatch> EventDecoder::Decode(const grpc::ByteBuffer& bytes, std::string_view stream_id) const {
  DecodedMessages decoded = DecodeTogether({&bytes, 1}, stream_id);
  if (!decoded.status.ok()) return decoded.status;
  DecodedMessage& message = decoded.messages.front();
  return DecodedBatch{message.sequence, std::move(decoded.submitted), std::move(message.rejections)};
}

DecodedMessages EventDecoder::DecodeTogether(std::span<const grpc::ByteBuffer> messages,
                                             std::string_view stream_id) const {
  DecodedMessages out;
  MessageGroup group;
  group.Read(messages);
  out.status = group.status;
  if (!group.messages.empty()) out.source_id = group.messages.front().request.source_id;
  const int64_t now = clock_();
  const NumberCheck check(now);
  const auto batch = std::make_shared<UsageBatch>(group.row_count_expected());
  RowDecoder decoder(*batch, check);
  for (Message& message : group.messages) {
    const WireRequest& request = message.request;
    Result<Rows> rows = request.columns.empty() ? DecodeEvents(request.events, *batch, decoder, digester_)
                                                : DecodeColumns(request.columns[0], *batch, check, digester_);
    if (!rows.ok()) {  // Columns, which come alone.
      out.status = rows.status();
      return out;
    }
    DeriveMissingIds(request, stream_id, *rows, *batch);
    batch->KeepAlive(std::move(message.slice));
    if (request.cumulative_acknowledgement != 0) out.asks_cumulative_acknowledgement = true;
    if (request.complete_through_unix_nano) {
      // A promise about the future would make all events late that are still to come.
      const auto limit = static_cast<uint64_t>(now + kClockSkewMax);
      out.submitted.complete_through_unix_nano =
          static_cast<int64_t>(std::min(*request.complete_through_unix_nano, limit));
    }
    out.messages.push_back({request.sequence, static_cast<uint32_t>(rows->first),
                            static_cast<uint32_t>(batch->size() - rows->first), std::move(rows->rejections)});
  }
  out.submitted.observed = detector::Observe(batch);
  out.submitted.events = batch;
  return out;
}

}  // namespace stillwatch::ingest
