#include "features/prompt_digest.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "features/skeleton.h"
#include "features/word_list.h"

#define XXH_INLINE_ALL
#define XXH_STATIC_LINKING_ONLY  // For XXH3_generateSecret.
#include <xxhash.h>

namespace stillwatch::features {
namespace {

// The part of a text that is digested: its first bytes, up to the last character that is whole.
std::string_view Cut(std::string_view text) {
  if (text.size() <= PromptDigester::kDigestedBytesMax) return text;
  size_t size = PromptDigester::kDigestedBytesMax;
  while (size > 0 && (static_cast<uint8_t>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size);
}

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kWhiteSpace = " \t\r\n\v\f";
  const size_t begin = text.find_first_not_of(kWhiteSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kWhiteSpace) + 1 - begin);
}

// 0 means missing in a digest, so no text may hash to it.
uint64_t NonZero(uint64_t hash) { return hash == 0 ? 1 : hash; }

uint64_t NextNumber() {
  static std::atomic<uint64_t> count = 0;
  return ++count;
}

Status WriteAll(int file, const DigestKey& key) {
  const ssize_t written = write(file, key.bytes.data(), key.bytes.size());
  const bool is_whole = written == static_cast<ssize_t>(key.bytes.size()) && fsync(file) == 0;
  return is_whole ? Status() : Status(Code::kUnavailable, std::string("write failed: ") + std::strerror(errno));
}

}  // namespace

DigestKey DigestKey::BuiltIn() {
  DigestKey key;
  constexpr std::string_view kText = "stillwatch built-in digest key 1";
  static_assert(kText.size() == kBytes);
  std::copy(kText.begin(), kText.end(), key.bytes.begin());
  return key;
}

Result<DigestKey> DigestKey::FromFile(const std::string& path) {
  DigestKey key;
  if (const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC); file >= 0) {
    std::array<uint8_t, kBytes + 1> buffer{};
    const ssize_t count = read(file, buffer.data(), buffer.size());
    const int error = errno;
    close(file);
    if (count < 0) return Status(Code::kUnavailable, path + ": " + std::strerror(error));
    if (count != static_cast<ssize_t>(kBytes)) {
      return Status(Code::kInvalidArgument, path + ": a digest key has exactly 32 bytes");
    }
    std::copy_n(buffer.begin(), kBytes, key.bytes.begin());
    return key;
  }
  if (errno != ENOENT) return Status(Code::kUnavailable, path + ": " + std::strerror(errno));
  const bool is_random = getrandom(key.bytes.data(), kBytes, 0) == static_cast<ssize_t>(kBytes);
  const int file = is_random ? open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
  if (file < 0) return Status(Code::kUnavailable, path + ": " + std::strerror(errno));
  Status status = WriteAll(file, key);
  close(file);
  if (!status.ok()) {
    unlink(path.c_str());  // Half a key would be taken for a wrong one at the next start.
    return Status(status.code(), path + ": " + status.message());
  }
  return key;
}

// What a thread keeps between two digests.
struct PromptDigester::Workspace {
  struct KnownText {
    XXH128_hash_t hash{};
    size_t bytes = 0;  // 0: none yet.
    uint32_t markers = 0;
  };
  uint64_t owner = 0;  // The digester that it was used by last.
  WordList words;
  SkeletonMaker skeletons{kSkeletonWords, kHeadWords};
  std::array<KnownText, kKnownTextsMax> known_texts;
};

PromptDigester::PromptDigester(const DigestKey& key, const PhraseEngine& phrases)
    : number_(NextNumber()), phrases_(phrases) {
  static_assert(kSecretBytes >= XXH3_SECRET_SIZE_MIN);
  XXH3_generateSecret(secret_.data(), secret_.size(), key.bytes.data(), key.bytes.size());
  sketch_seed_ = Hash("sketch");
}

uint64_t PromptDigester::Hash(std::string_view text) const {
  return NonZero(XXH3_64bits_withSecret(text.data(), text.size(), secret_.data(), secret_.size()));
}

PromptDigester::Workspace& PromptDigester::ThreadWorkspace() const {
  thread_local Workspace workspace;
  if (workspace.owner != number_) {
    workspace.owner = number_;
    workspace.known_texts.fill({});
  }
  return workspace;
}

uint32_t PromptDigester::FindInSystemPrompt(std::string_view text, Workspace& workspace) const {
  if (text.empty()) return 0;
  const XXH128_hash_t hash = XXH3_128bits_withSecret(text.data(), text.size(), secret_.data(), secret_.size());
  Workspace::KnownText& known = workspace.known_texts[hash.high64 % kKnownTextsMax];
  if (known.bytes == text.size() && XXH128_isEqual(known.hash, hash) != 0) return known.markers;
  workspace.words.Split(text);
  known = {hash, text.size(), phrases_.Find(workspace.words)};
  return known.markers;
}

uint32_t PromptDigester::DigestPrompt(std::string_view prompt, Workspace& workspace, UsageBatch& batch,
                                      size_t row) const {
  workspace.words.Split(prompt);
  const Skeleton skeleton = workspace.skeletons.Make(workspace.words, sketch_seed_);
  // The skeleton's words are hashed without a key first; the key comes in over those hashes.
  const auto keyed = [this](uint64_t hash) { return Hash({reinterpret_cast<const char*>(&hash), sizeof(hash)}); };
  batch.SetNumber(row, NumberField::kPromptHash, Hash(prompt));
  batch.SetNumber(row, NumberField::kTemplateHash, keyed(skeleton.template_hash));
  batch.SetNumber(row, NumberField::kSlotHash, keyed(skeleton.slot_hash));
  batch.SetNumber(row, NumberField::kHeadHash, keyed(skeleton.head_hash));
  if (skeleton.sketch != 0) batch.SetNumber(row, NumberField::kPromptSketch, skeleton.sketch);
  batch.SetNumber(row, NumberField::kPromptWords, skeleton.word_count);
  return phrases_.Find(workspace.words);
}

void PromptDigester::Digest(std::string_view system_prompt, std::string_view prompt, std::string_view completion,
                            UsageBatch& batch, size_t row) const {
  Workspace& workspace = ThreadWorkspace();
  uint32_t markers = 0;
  if (!system_prompt.empty()) {
    const std::string_view text = Trimmed(Cut(system_prompt));
    batch.SetNumber(row, NumberField::kSystemHash, Hash(text));
    batch.SetNumber(row, NumberField::kSystemBytes, system_prompt.size());
    markers |= FindInSystemPrompt(text, workspace);
  }
  if (!prompt.empty()) {
    markers |= DigestPrompt(Trimmed(Cut(prompt)), workspace, batch, row);
    batch.SetNumber(row, NumberField::kPromptBytes, prompt.size());
  }
  if (!completion.empty()) {
    batch.SetNumber(row, NumberField::kCompletionHash, Hash(Trimmed(Cut(completion))));
    batch.SetNumber(row, NumberField::kCompletionBytes, completion.size());
  }
  if (!system_prompt.empty() || !prompt.empty()) batch.SetNumber(row, NumberField::kMarkers, markers);
}

}  // namespace stillwatch::features
