// Programs of ours as processes.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace stillwatch::blackbox {

// What a program left behind.
struct Finished {
  int exit_code = -1;  // 128 + signal, if one ended it.
  std::string output;  // Standard output.
  std::string errors;  // Standard error.
};

// Runs a program to its end.
Finished RunToEnd(const std::vector<std::string>& command);

// Starts a program whose first line of standard output is read here; its errors go to `errors_path`.
class Process {
 public:
  Process(const std::vector<std::string>& command, const std::string& errors_path);
  // Kills it, if it still runs.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // The next line of standard output, without its end; empty at the end of the output. Blocks.
  std::string ReadLine();
  // Everything that is left of standard output. Blocks until the program closes it.
  std::string ReadRest();
  void Signal(int signal) const;
  pid_t pid() const { return pid_; }
  // Waits for the end and returns the exit code, 128 + signal if one ended it.
  int Wait();

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  int exit_code_ = -1;
};

// A directory of a test's own, removed with it.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void WriteFile(const std::string& path, const std::string& text);
std::string ReadFile(const std::string& path);

}  // namespace stillwatch::blackbox
