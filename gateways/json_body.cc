#include "gateways/json_body.h"

#include <algorithm>
#include <utility>

#include "gateways/json_parsing.h"

namespace stillwatch::gateways {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

// A body's messages, with the memory that parsing takes.
class BodyReader {
 public:
  BodyReader(const TakeJson& take, const RefuseJson& refuse) : take_(take), refuse_(refuse) {}

  Status ReadList(std::string_view body) {
    Result<simdjson::dom::element> root = ParseJson(body, kBodyDepthMax, parser_, padded_);
    if (!root.ok()) return root.status();
    uint32_t number = 0;
    for (const simdjson::dom::element& element : simdjson::dom::array(*root)) {
      ++number;
      simdjson::dom::object message;
      if (element.get_object().get(message) == simdjson::SUCCESS) {
        take_(number, message, simdjson::minify(message));
      } else {
        refuse_(number, "expected a JSON object");
      }
    }
    return Status();
  }

  // False if the body as a whole is not one object.
  bool ReadOne(std::string_view body) {
    Result<simdjson::dom::object> message = ParseJsonObject(body, kBodyDepthMax, parser_, padded_);
    if (message.ok()) take_(1, *message, body);
    return message.ok();
  }

  void ReadLines(std::string_view body) {
    uint32_t number = 0;
    for (size_t begin = 0; begin < body.size();) {
      const size_t end = std::min(body.find('\n', begin), body.size());
      const std::string_view line = Trim(body.substr(begin, end - begin));
      begin = end + 1;
      ++number;
      if (!line.empty()) ReadLine(number, line);
    }
  }

 private:
  void ReadLine(uint32_t number, std::string_view line) {
    Result<simdjson::dom::object> message = ParseJsonObject(line, kBodyDepthMax, parser_, padded_);
    if (message.ok()) {
      take_(number, *message, line);
    } else {
      refuse_(number, message.status().message());
    }
  }

  const TakeJson& take_;
  const RefuseJson& refuse_;
  simdjson::dom::parser parser_;
  std::string padded_;
};

}  // namespace

Status ForEachJson(std::string_view body, const TakeJson& take, const RefuseJson& refuse) {
  BodyReader reader(take, refuse);
  const std::string_view trimmed = Trim(body);
  if (trimmed.starts_with('[')) return reader.ReadList(trimmed);
  // An object over many lines begins with a line that is none.
  const std::string_view first_line = Trim(trimmed.substr(0, trimmed.find('\n')));
  const bool may_be_one =
      trimmed.starts_with('{') && (first_line.size() == trimmed.size() || !first_line.ends_with('}'));
  if (may_be_one && reader.ReadOne(trimmed)) return Status();
  reader.ReadLines(body);
  return Status();
}

ReadRecords ReaderOfJson(FillRecord fill) {
  return [fill = std::move(fill)](std::string_view body, const TakeRecord& take) {
    Status refused;
    Record record;
    const auto take_json = [&](uint32_t /*line*/, const simdjson::dom::object& message, std::string_view text) {
      fill(message, text, record);
      take(record, {});
    };
    const Status status = ForEachJson(body, take_json, [&refused](uint32_t line, const std::string& reason) {
      refused = Status(Code::kInvalidArgument, "line " + std::to_string(line) + ": " + reason);
    });
    return status.ok() ? refused : status;
  };
}

}  // namespace stillwatch::gateways
