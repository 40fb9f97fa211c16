#include "cli/record.h"

#include <utility>

#include "proto/json_writer.h"

namespace stillwatch::cli {
namespace {

std::string CsvField(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace

Record& Record::Add(std::string_view name, std::string json, std::string plain) {
  values_.push_back({std::string(name), std::move(json), std::move(plain)});
  return *this;
}

Record& Record::Text(std::string_view name, std::string_view value) {
  std::string json;
  AppendJsonString(json, value);
  return Add(name, std::move(json), std::string(value));
}

Record& Record::Count(std::string_view name, uint64_t value) {
  return Add(name, std::to_string(value), std::to_string(value));
}

Record& Record::Time(std::string_view name, uint64_t unix_nano) { return Text(name, std::to_string(unix_nano)); }

Record& Record::Number(std::string_view name, double value) {
  const std::string text = JsonWriter().Number(value).Take();
  return Add(name, text, text == "null" ? "" : text);
}

Record& Record::Flag(std::string_view name, bool value) {
  const std::string text = value ? "true" : "false";
  return Add(name, text, text);
}

Record& Record::Texts(std::string_view name, const std::vector<std::string>& values) {
  std::string json = "[";
  for (const std::string& value : values) {
    if (json.size() > 1) json += ',';
    AppendJsonString(json, value);
  }
  json += ']';
  return Add(name, json, json);
}

Record& Record::Object(std::string_view name, const Record& value) {
  const std::string json = value.ToJson();
  return Add(name, json, json);
}

Record& Record::List(std::string_view name, const std::vector<Record>& values) {
  std::string json = "[";
  for (const Record& value : values) {
    if (json.size() > 1) json += ',';
    json += value.ToJson();
  }
  json += ']';
  return Add(name, json, json);
}

std::string Record::ToJson() const {
  std::string json = "{";
  for (const Value& value : values_) {
    if (json.size() > 1) json += ',';
    AppendJsonString(json, value.name);
    json += ':';
    json += value.json;
  }
  return json + '}';
}

std::string Record::CsvHeader() const {
  std::string row;
  for (const Value& value : values_) row += (row.empty() ? "" : ",") + CsvField(value.name);
  return row;
}

std::string Record::CsvRow() const {
  std::string row;
  for (size_t index = 0; index < values_.size(); ++index)
    row += (index == 0 ? "" : ",") + CsvField(values_[index].plain);
  return row;
}

void RecordPrinter::Add(const Record& record) {
  if (format_ == OutputFormat::kCsv) {
    if (count_ == 0) out_ << record.CsvHeader() << "\r\n";
    out_ << record.CsvRow() << "\r\n";
  } else if (format_ == OutputFormat::kJson) {
    out_ << (count_ == 0 ? "[\n" : ",\n") << record.ToJson();
  } else {
    out_ << record.ToJson() << '\n';
  }
  ++count_;
}

void RecordPrinter::Finish() {
  if (format_ == OutputFormat::kJson) out_ << (count_ == 0 ? "[]\n" : "\n]\n");
  out_.flush();
}

void PrintRecord(std::ostream& out, OutputFormat format, const Record& record) {
  if (format == OutputFormat::kCsv) {
    RecordPrinter printer(out, format);
    printer.Add(record);
    printer.Finish();
  } else {
    out << record.ToJson() << '\n' << std::flush;
  }
}

}  // namespace stillwatch::cli
