#include <google/protobuf/io/coded_stream.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <utility>

#include "cli/connection.h"
#include "cli/import_commands.h"
#include "cli/line_import.h"
#include "cli/usage_uploader.h"
#include "proto/columns_writer.h"
#include "proto/usage_json.h"
#include "proto/wire_reader.h"
#include "stillwatch/v1/ingest.grpc.pb.h"

namespace stillwatch::cli {
namespace {

// Lines with texts are large: a batch ends with the first line past this many bytes. Then it fits the daemon's limit
// for a message even if that line has the longest length there is, and several batches fit the window.
constexpr size_t kBatchLineBytes = 4 << 20;

// Decodes lines into batches and hands those to the uploader.
// Threading: one thread.
class EventImport {
 public:
  EventImport(LineImport& lines, const ImportOptions& options)
      : lines_(lines),
        options_(options),
        uploader_(
            lines.session().channel,
            {.window_bytes = options.window_bytes, .retry_time = options.retry_time, .backoff = options.backoff},
            [this](const BatchOutcome& outcome, const v1::StreamUsageResponse& response) {
              lines_.report().Acknowledge(outcome, response.rejected());
            },
            [this](const Status& status) { SayOutage(status); }) {}

  Status Run() {
    const Status read =
        lines_.ForEachLine([this](const EventOrigin& origin, std::string_view line) { return AddLine(origin, line); },
                           [this](uint32_t file_index) { return SendBatch(options_.paths[file_index]); });
    const Status acknowledged = uploader_.WaitForAcknowledgements();
    STILLWATCH_RETURN_IF_ERROR(acknowledged);
    STILLWATCH_RETURN_IF_ERROR(read);
    return options_.completeness == Completeness::kComplete ? SendPromise() : Status();
  }

 private:
  Status AddLine(EventOrigin origin, std::string_view line) {
    uint64_t unknown_field_count = 0;
    if (const Status status = decoder_.Decode(line, event_, unknown_field_count); !status.ok()) {
      lines_.report().RejectLine(origin, "invalid_json", status.message());
      return Status();
    }
    if (unknown_field_count > 0) lines_.report().AddUnknownFields(unknown_field_count);
    const std::string& path = options_.paths[origin.file_index];
    if (event_.event_id().empty()) event_.set_event_id(DeriveEventId(path, origin.line_number, line));
    origin.time_unix_nano = event_.time_unix_nano();
    if (!columns_.HasRoomFor(event_)) STILLWATCH_RETURN_IF_ERROR(SendBatch(path));
    columns_.Add(event_);
    origins_.push_back(origin);
    line_bytes_ += line.size();
    const bool is_full = origins_.size() >= options_.batch_size || line_bytes_ >= kBatchLineBytes;
    return is_full ? SendBatch(path) : Status();
  }

  // Sends what was gathered, all of it from `path`.
  Status SendBatch(const std::string& path) {
    if (origins_.empty()) return Status();
    request_.set_source_id(SourceId(path));
    return SendRequest(columns_.Finish());
  }

  // Sent apart and last, when it is known which events were taken: one with a wrong time in the future must not make
  // the daemon close the time up to there.
  Status SendPromise() {
    const uint64_t newest_time_unix_nano = lines_.report().newest_time_unix_nano();
    if (newest_time_unix_nano == 0) return Status();
    request_.set_source_id(SourceId(options_.paths.back()));
    request_.set_complete_through_unix_nano(newest_time_unix_nano);
    STILLWATCH_RETURN_IF_ERROR(SendRequest(""));
    return uploader_.WaitForAcknowledgements();
  }

  // `columns`: bytes of the request's columns, if it has any.
  Status SendRequest(const std::string& columns) {
    UploadBatch batch;
    batch.sequence = ++sequence_;
    batch.origins = std::exchange(origins_, {});
    request_.set_sequence(batch.sequence);
    std::string bytes = request_.SerializeAsString();
    if (!columns.empty()) {
      using google::protobuf::io::CodedOutputStream;
      constexpr uint32_t kTag =
          v1::StreamUsageRequest::kColumnsFieldNumber << 3 | static_cast<uint32_t>(WireType::kBytes);
      std::array<uint8_t, 10> head;  // Two varints of 32 bits.
      uint8_t* end = CodedOutputStream::WriteTagToArray(kTag, head.data());
      end = CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(columns.size()), end);
      bytes.reserve(bytes.size() + head.size() + columns.size());
      bytes.append(head.data(), end).append(columns);
    }
    request_.Clear();
    line_bytes_ = 0;
    const grpc::Slice slice(bytes);
    batch.payload = grpc::ByteBuffer(&slice, 1);
    batch.bytes = bytes.size();
    return uploader_.Send(std::move(batch));
  }

  void SayOutage(const Status& status) {
    lines_.session().status_line.Say("no connection to " + lines_.session().server + " (" + status.message() +
                                     "), trying again for " + std::to_string(options_.retry_time.count()) + " s");
  }

  LineImport& lines_;
  const ImportOptions& options_;
  UsageJsonDecoder decoder_;
  v1::UsageEvent event_;
  ColumnsWriter columns_;
  v1::StreamUsageRequest request_;
  std::vector<EventOrigin> origins_;  // Of the events in the columns.
  size_t line_bytes_ = 0;
  uint64_t sequence_ = 0;
  UsageUploader uploader_;
};

std::string BaseName(std::string_view path) { return std::filesystem::path(path).filename().string(); }

}  // namespace

std::string DeriveEventId(std::string_view path, uint64_t line_number, std::string_view line) {
  std::string name = BaseName(path);
  for (const std::string_view suffix : {".gz", ".zst"}) {
    if (name.ends_with(suffix)) name.resize(name.size() - suffix.size());
  }
  // The name ends with a zero byte and the number has a fixed size, so that no two triples give the same bytes.
  std::array<char, sizeof(line_number)> number;
  std::memcpy(number.data(), &line_number, number.size());
  XXH3_state_t state;
  XXH3_128bits_reset(&state);
  XXH3_128bits_update(&state, name.c_str(), name.size() + 1);
  XXH3_128bits_update(&state, number.data(), number.size());
  XXH3_128bits_update(&state, line.data(), line.size());
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&state));
  std::string id = "line-";
  for (const unsigned char byte : canonical.digest) {
    constexpr char kHexDigits[] = "0123456789abcdef";
    id += kHexDigits[byte >> 4];
    id += kHexDigits[byte & 15];
  }
  return id;
}

std::string SourceId(std::string_view path) {
  std::string id = "import:" + BaseName(path);
  for (char& c : id) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f) c = '_';  // A file's name need not be UTF-8, this one must be.
  }
  if (id.size() > kNameBytesMax) id.resize(kNameBytesMax);
  return id;
}

ExitCode RunImportEvents(const Session& session, const ImportOptions& options) {
  LineImport lines(session, options, "events");
  Status status;
  {
    EventImport import(lines, options);
    status = import.Run();
  }
  return lines.Finish(status);
}

}  // namespace stillwatch::cli
