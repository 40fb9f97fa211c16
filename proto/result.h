// Errors as values: what the outside world can cause is a Status, what only we can cause is a crash.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <variant>

namespace stillwatch {

// Kind of an error. The numbers are those of gRPC's status codes (asserted where the two meet).
enum class Code : uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// Says whether something worked and, if not, what went wrong, in words that name the thing at fault.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  Code code_ = Code::kOk;
  std::string message_;
};

// Holds a value, or the Status that says why there is none.
// Errors: value() of a failed result is a broken invariant and ends the process.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : held_(std::move(value)) {}            // NOLINT: implicit on purpose, as in absl::StatusOr
  Result(Status status) : held_(std::move(status)) {}     // NOLINT
  Result(Code code, std::string message) : held_(Status(code, std::move(message))) {}

  bool ok() const { return std::holds_alternative<T>(held_); }
  Status status() const { return ok() ? Status() : std::get<Status>(held_); }
  T& value() & { return *Held(); }
  const T& value() const& { return *const_cast<Result*>(this)->Held(); }
  T&& value() && { return std::move(*Held()); }
  T* operator->() { return Held(); }
  T& operator*() & { return *Held(); }

 private:
  T* Held() {
    if (T* value = std::get_if<T>(&held_)) return value;
    std::fprintf(stderr, "value() of a failed result: %s\n", std::get<Status>(held_).message().c_str());
    std::abort();
  }
  std::variant<T, Status> held_;
};

}  // namespace stillwatch

// Returns from the calling function if `expression`, a Status, is an error.
#define STILLWATCH_RETURN_IF_ERROR(expression)                                      \
  do {                                                                              \
    if (::stillwatch::Status stillwatch_status = (expression); !stillwatch_status.ok()) return stillwatch_status; \
  } while (false)
