#include "ingest/event_decoder.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <xxhash.h>

#include <cstdio>
#include <limits>
#include <numeric>
#include <optional>

#include "ingest/event_validation.h"
#include "proto/limits.h"

namespace stillwatch::ingest {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// A pool that grew with one huge batch must not stay huge.
constexpr size_t kPooledMessageBytesMax = 8u << 20;
constexpr size_t kPooledMessageCountMax = 64;

std::optional<std::string> Flatten(const grpc::ByteBuffer& bytes) {
  std::vector<grpc::Slice> slices;
  if (!bytes.Dump(&slices).ok()) return std::nullopt;
  std::string out;
  out.reserve(bytes.Length());
  for (const grpc::Slice& slice : slices) out.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return out;
}

// What a batch holds whose events do not all parse.
struct Salvage {
  std::vector<Rejection> rejections;
  std::vector<uint32_t> indexes;  // In the batch, of the events that parsed.
};

// Reads the batch event by event, so that one with bad UTF-8 or a broken length does not take the others along. Events are
// delimited, so a broken one ends where it says. Returns nothing if the batch's own fields are broken.
std::optional<Salvage> ParseEventByEvent(const std::string& bytes, v1::StreamUsageRequest& request) {
  Salvage out;
  request.Clear();
  std::string others;  // Everything but the events, to be parsed by the generated parser.
  uint32_t index = 0;
  CodedInputStream input(reinterpret_cast<const uint8_t*>(bytes.data()), static_cast<int>(bytes.size()));
  constexpr uint32_t kEventTag = v1::StreamUsageRequest::kEventsFieldNumber << 3 | WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
  while (true) {
    const int begin = input.CurrentPosition();
    const uint32_t tag = input.ReadTag();
    if (tag == 0) break;
    if (tag != kEventTag) {
      if (!WireFormatLite::SkipField(&input, tag)) return std::nullopt;
      others.append(bytes, static_cast<size_t>(begin), static_cast<size_t>(input.CurrentPosition() - begin));
      continue;
    }
    uint32_t length = 0;
    if (!input.ReadVarint32(&length)) return std::nullopt;
    const auto position = static_cast<size_t>(input.CurrentPosition());
    if (length > bytes.size() - position || !input.Skip(static_cast<int>(length))) return std::nullopt;
    if (request.add_events()->ParseFromArray(bytes.data() + position, static_cast<int>(length))) {
      out.indexes.push_back(index);
    } else {
      request.mutable_events()->RemoveLast();
      out.rejections.push_back({index, RejectReason::kBadEncoding, "the event does not parse; is all text UTF-8?"});
    }
    ++index;
  }
  if (!input.ConsumedEntireMessage() || !request.MergeFromString(others)) return std::nullopt;
  return out;
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

}  // namespace

std::shared_ptr<EventDecoder::Request> EventDecoder::TakeMessage(size_t wire_bytes) {
  std::unique_ptr<Request> message;
  {
    const std::lock_guard lock(pool_->mutex);
    if (!pool_->messages.empty()) {
      message = std::move(pool_->messages.back());
      pool_->messages.pop_back();
    }
  }
  if (message == nullptr) message = std::make_unique<Request>();
  return {message.release(), [pool = pool_, wire_bytes](Request* used) {
            std::unique_ptr<Request> owned(used);
            if (wire_bytes > kPooledMessageBytesMax) return;
            const std::lock_guard lock(pool->mutex);
            if (pool->messages.size() < kPooledMessageCountMax) pool->messages.push_back(std::move(owned));
          }};
}

Result<DecodedBatch> EventDecoder::Decode(grpc::ByteBuffer& bytes, std::string_view stream_id) {
  if (bytes.Length() > kMessageBytesMax) return Status(Code::kResourceExhausted, "a batch has at most 64 MiB");
  std::shared_ptr<Request> request = TakeMessage(bytes.Length());
  grpc::ByteBuffer copy = bytes;  // Shares the slices; the parser consumes it.
  Salvage salvage;
  if (grpc::SerializationTraits<Request>::Deserialize(&copy, request.get()).ok()) {
    salvage.indexes.resize(static_cast<size_t>(request->events_size()));
    std::iota(salvage.indexes.begin(), salvage.indexes.end(), 0U);
  } else {
    const std::optional<std::string> flat = Flatten(bytes);
    std::optional<Salvage> saved = flat ? ParseEventByEvent(*flat, *request) : std::nullopt;
    if (!saved) return Status(Code::kInvalidArgument, "the message is not a v1.StreamUsageRequest");
    salvage = *std::move(saved);
  }
  if (static_cast<size_t>(request->events_size()) > kBatchEventCountMax) {
    return Status(Code::kResourceExhausted, "a batch has at most " + std::to_string(kBatchEventCountMax) + " events");
  }
  if (request->source_id().size() > kNameBytesMax) {
    return Status(Code::kInvalidArgument, "source_id has at most " + std::to_string(kNameBytesMax) + " bytes");
  }
  return DecodeRows(std::move(request), std::move(salvage.rejections), salvage.indexes, stream_id);
}

DecodedBatch EventDecoder::DecodeRows(std::shared_ptr<Request> request, std::vector<Rejection> rejections,
                                      const std::vector<uint32_t>& indexes, std::string_view stream_id) const {
  DecodedBatch out;
  out.sequence = request->sequence();
  out.rejections = std::move(rejections);
  auto batch = std::make_shared<UsageBatch>(indexes.size());
  const int64_t now = clock_();
  const std::string_view source = request->source_id().empty() ? stream_id : std::string_view(request->source_id());
  for (int i = 0; i < request->events_size(); ++i) {
    v1::UsageEvent& event = *request->mutable_events(i);
    const uint32_t index = indexes[static_cast<size_t>(i)];
    Invalidity invalidity = Validate(event, now);
    if (!invalidity.is_valid()) {
      out.rejections.push_back({index, invalidity.reason, std::move(invalidity.message)});
      continue;
    }
    if (event.event_id().empty()) event.set_event_id(DeriveEventId(source, request->sequence(), index));
    const size_t row = batch->AddRow();
    WriteRow(event, *batch, row);
    if (!event.system_prompt().empty() || !event.prompt().empty() || !event.completion().empty()) {
      digester_.Digest(event.system_prompt(), event.prompt(), event.completion(), *batch, row);
    }
  }
  if (request->has_complete_through_unix_nano()) {
    // A promise about the future would make all events late that are still to come.
    const auto limit = static_cast<uint64_t>(now + kClockSkewMax);
    out.submitted.complete_through_unix_nano =
        static_cast<int64_t>(std::min<uint64_t>(request->complete_through_unix_nano(), limit));
  }
  batch->KeepAlive(std::move(request));
  out.submitted.observed = detector::Observe(batch);
  out.submitted.events = std::move(batch);
  return out;
}

}  // namespace stillwatch::ingest
