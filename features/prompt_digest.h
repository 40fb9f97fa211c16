// The digest of a prompt: what is kept of an event's text.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "features/phrase_engine.h"
#include "proto/result.h"
#include "proto/usage_batch.h"

namespace stillwatch::features {

// Version of the digest's definition, as in v1.ContentDigest. Earlier ones are still taken: version 1 had no sketch,
// and version 2 hashed the words of skeleton and sketch byte by byte, so that its hashes match none of version 3.
inline constexpr uint32_t kDigestVersion = 3;
inline constexpr uint32_t kDigestVersionMin = 1;
constexpr bool IsKnownDigestVersion(uint64_t version) {
  return version >= kDigestVersionMin && version <= kDigestVersion;
}

// Secret under which texts are hashed, so that who has the disk but not the key cannot test guesses of a prompt.
struct DigestKey {
  static constexpr size_t kBytes = 32;
  std::array<uint8_t, kBytes> bytes{};

  // The key of a daemon that was given none: the same everywhere, so hashes can be compared and guesses tested.
  static DigestKey BuiltIn();
  // Reads the key file, or makes one with random bytes, readable by its owner only, if there is none.
  // Errors: kInvalidArgument for a file of another length, kUnavailable for one that cannot be read or written.
  static Result<DigestKey> FromFile(const std::string& path);
};

// Computes digests (v1.ContentDigest says what each part is) in about 2 µs for 600 bytes.
// Of each text the first kDigestedBytesMax bytes are looked at; texts must be valid UTF-8.
// System prompts repeat, so each thread remembers for the latest few which classes of phrases they have: by their
// length and a keyed hash of 128 bits, never their text, in memory only. Threading: Digest from any thread. Ownership:
// `phrases` must outlive it. Limits: a thread remembers kKnownTextsMax system prompts, 32 bytes each; a new one takes
// the place of an older one. Its working memory is about 50 bytes a byte of the longest text so far, so 3 MiB at most.
class PromptDigester {
 public:
  // A prompt's instructions stand at its beginning or end; 64 KiB hold both for all but pasted books.
  static constexpr size_t kDigestedBytesMax = 64u << 10;
  // Words of a skeleton, and of its head.
  static constexpr size_t kSkeletonWords = 64;
  static constexpr size_t kHeadWords = 6;

  static constexpr size_t kKnownTextsMax = 256;

  PromptDigester(const DigestKey& key, const PhraseEngine& phrases);

  // Writes the digest of an event's texts into `row` of `batch`. An empty text is a missing one.
  void Digest(std::string_view system_prompt, std::string_view prompt, std::string_view completion, UsageBatch& batch,
              size_t row) const;

 private:
  static constexpr size_t kSecretBytes = 192;
  struct Workspace;

  uint64_t Hash(std::string_view text) const;
  Workspace& ThreadWorkspace() const;
  uint32_t FindInSystemPrompt(std::string_view text, Workspace& workspace) const;
  // Returns the classes of phrases that were found.
  uint32_t DigestPrompt(std::string_view prompt, Workspace& workspace, UsageBatch& batch, size_t row) const;

  std::array<uint8_t, kSecretBytes> secret_;
  uint64_t sketch_seed_ = 0;
  const uint64_t number_;  // Tells it from an earlier digester at the same address.
  const PhraseEngine& phrases_;
};

}  // namespace stillwatch::features
