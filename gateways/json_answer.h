// The answer to a body of JSON messages.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"
#include "ingest/ingest_counters.h"

namespace stillwatch::gateways {

// Gathers what became of the messages of a body, and answers when the last reference to it goes: 200 with the counts,
// or 503 if something is not durable because the daemon stops. Threading: from any thread. Limits: kRejectionsToldMax
// rejections are told in words, those of the first lines; all are counted.
class JsonAnswer {
 public:
  static constexpr size_t kRejectionsToldMax = 100;

  explicit JsonAnswer(http::Responder responder) : responder_(std::move(responder)) {}
  ~JsonAnswer();
  JsonAnswer(const JsonAnswer&) = delete;
  JsonAnswer& operator=(const JsonAnswer&) = delete;

  void AddRejection(uint32_t line, ingest::RejectReason reason, std::string_view message);
  void AddIgnored(uint64_t count);
  // A part of the body that will become durable.
  void ExpectPart();
  void PartIsDurable(uint64_t accepted, uint64_t duplicate);

 private:
  struct Rejection {
    uint32_t line;
    ingest::RejectReason reason;
    std::string message;
  };

  std::string Body();

  const http::Responder responder_;
  std::mutex mutex_;
  uint64_t accepted_count_ = 0;
  uint64_t duplicate_count_ = 0;
  uint64_t ignored_count_ = 0;
  uint64_t rejected_count_ = 0;
  uint64_t open_part_count_ = 0;
  std::vector<Rejection> rejections_;
};

}  // namespace stillwatch::gateways
