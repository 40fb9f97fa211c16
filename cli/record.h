// What the client prints: records of named values, as JSON, JSON Lines or CSV.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace stillwatch::cli {

enum class OutputFormat { kTable, kJson, kJsonl, kCsv };

// Holds named values in order. A value of 64 bits that counts is a JSON number; a time is a string, as in the proto3
// JSON mapping, because most readers of JSON would round it.
class Record {
 public:
  Record& Text(std::string_view name, std::string_view value);
  Record& Count(std::string_view name, uint64_t value);
  Record& Time(std::string_view name, uint64_t unix_nano);
  Record& Number(std::string_view name, double value);
  Record& Flag(std::string_view name, bool value);
  Record& Texts(std::string_view name, const std::vector<std::string>& values);
  Record& Object(std::string_view name, const Record& value);
  Record& List(std::string_view name, const std::vector<Record>& values);

  std::string ToJson() const;
  // Rows after RFC 4180 without the line end. Objects and lists are JSON within their field.
  std::string CsvHeader() const;
  std::string CsvRow() const;

 private:
  struct Value {
    std::string name;
    std::string json;
    std::string plain;
  };
  Record& Add(std::string_view name, std::string json, std::string plain);

  std::vector<Value> values_;
};

// Prints records of one kind as they come: a JSON array, lines of JSON, or CSV with a header.
// Threading: one thread.
class RecordPrinter {
 public:
  RecordPrinter(std::ostream& out, OutputFormat format) : out_(out), format_(format) {}
  void Add(const Record& record);
  // To be called once, after the last record.
  void Finish();

 private:
  std::ostream& out_;
  const OutputFormat format_;
  size_t count_ = 0;
};

// Prints the only record of an answer: in JSON an object of its own, not an array.
void PrintRecord(std::ostream& out, OutputFormat format, const Record& record);

}  // namespace stillwatch::cli
