// Runs a fuzz target without libFuzzer: each seed as it is, then so many random changes of seeds, the same in every
// run.
//   NAME [--rounds N] [--seed N]     runs
//   NAME --write-seeds FOLDER        writes the seeds for libFuzzer
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string_view>

#include "tests/fuzz/fuzz_target.h"

namespace stillwatch::fuzz {
namespace {

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  size_t Below(size_t bound) { return static_cast<size_t>(random_() % bound); }

  // A seed with up to eight changes, each of a kind that parsers stumble over.
  std::string Change(std::string text, const std::string& other) {
    for (size_t left = 1 + Below(8); left > 0; --left) ChangeOnce(text, other);
    return text;
  }

 private:
  void ChangeOnce(std::string& text, const std::string& other) {
    if (text.empty()) text = other;
    if (text.empty()) text.assign(1, '\0');
    const size_t at = Below(text.size());
    const size_t length = 1 + Below(std::min<size_t>(text.size() - at, 32));
    switch (Below(7)) {
      case 0:
        text[at] = static_cast<char>(random_());
        return;
      case 1:
        text[at] = static_cast<char>(text[at] ^ (1 << Below(8)));
        return;
      case 2:
        text.erase(at, length);
        return;
      case 3:
        text.insert(at, text.substr(at, length));
        return;
      case 4:
        text.resize(at);
        return;
      case 5:
        text.insert(at, other.substr(0, Below(other.size() + 1)));
        return;
      default:
        text.insert(at, 1 + Below(16), kEdges[Below(sizeof(kEdges) - 1)]);
        return;
    }
  }

  static constexpr char kEdges[] = "\xFF\x80\x7F{}[]\"\\<>\n0-";
  std::mt19937_64 random_;
};

void Run(const std::string& input) {
  // A copy of its own, so that a sanitizer sees reads beyond its end.
  const std::vector<uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

int RunAll(uint64_t rounds, uint64_t seed) {
  const std::vector<std::string> seeds = Seeds();
  if (seeds.empty()) return 1;
  std::printf("%zu seeds, %llu changes of them, seed %llu\n", seeds.size(), static_cast<unsigned long long>(rounds),
              static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  for (const std::string& input : seeds) Run(input);
  Mutator mutator(seed);
  for (uint64_t round = 0; round < rounds; ++round) {
    const std::string& other = seeds[mutator.Below(seeds.size())];
    Run(mutator.Change(seeds[mutator.Below(seeds.size())], other));
  }
  return 0;
}

int WriteSeeds(const std::string& folder) {
  size_t number = 0;
  for (const std::string& seed : Seeds())
    std::ofstream(folder + "/" + std::to_string(number++), std::ios::binary) << seed;
  return 0;
}

}  // namespace
}  // namespace stillwatch::fuzz

int main(int argc, char** argv) {
  uint64_t rounds = 20'000;
  uint64_t seed = 1;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (flag == "--write-seeds") return stillwatch::fuzz::WriteSeeds(argv[i + 1]);
    if (flag == "--rounds") rounds = std::strtoull(argv[i + 1], nullptr, 10);
    if (flag == "--seed") seed = std::strtoull(argv[i + 1], nullptr, 10);
  }
  return stillwatch::fuzz::RunAll(rounds, seed);
}
