#include "tests/blackbox/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

extern char** environ;

namespace stillwatch::blackbox {
namespace {

pid_t Spawn(const std::vector<std::string>& command, const std::string& errors_path, int& output) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errors_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = -1;
  if (posix_spawn(&pid, command[0].c_str(), &actions, nullptr, arguments.data(), environ) != 0) std::abort();
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  output = ends[0];
  return pid;
}

}  // namespace

Process::Process(const std::vector<std::string>& command, const std::string& errors_path) {
  pid_ = Spawn(command, errors_path, output_);
}

Process::~Process() {
  if (exit_code_ < 0) {
    Signal(SIGKILL);
    Wait();
  }
  close(output_);
}

std::string Process::ReadLine() {
  std::string line;
  char c = 0;
  while (read(output_, &c, 1) == 1 && c != '\n') line += c;
  return line;
}

std::string Process::ReadRest() {
  std::string text;
  char buffer[4096];
  for (ssize_t count = read(output_, buffer, sizeof(buffer)); count > 0; count = read(output_, buffer, sizeof(buffer))) {
    text.append(buffer, static_cast<size_t>(count));
  }
  return text;
}

void Process::Signal(int signal) const { kill(pid_, signal); }

int Process::Wait() {
  if (exit_code_ >= 0) return exit_code_;
  int status = 0;
  waitpid(pid_, &status, 0);
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return exit_code_;
}

Finished RunToEnd(const std::vector<std::string>& command) {
  const TemporaryDirectory directory;
  Process process(command, directory / "errors");
  Finished out;
  out.output = process.ReadRest();
  out.exit_code = process.Wait();
  out.errors = ReadFile(directory / "errors");
  return out;
}

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "stillwatch-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) std::abort();
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void WriteFile(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

std::string ReadFile(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace stillwatch::blackbox
