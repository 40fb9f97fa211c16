// Random events that have any of the fields, valid ones.
#pragma once

#include <random>
#include <string>

#include "proto/limits.h"
#include "stillwatch/v1/usage.pb.h"

namespace stillwatch {

class RandomEvents {
 public:
  explicit RandomEvents(uint64_t seed) : random_(seed) {}

  uint64_t Below(uint64_t bound) { return random_() % bound; }

  v1::UsageEvent Make() {
    v1::UsageEvent event;
    event.set_event_id("event-" + std::to_string(random_()));
    event.set_account_id("account-" + std::to_string(Below(5)));
    event.set_time_unix_nano(1'772'409'600'000'000'000 + Below(kNanosecondsPerDay));
    SetAnyFields(event);
    if (Below(4) == 0) event.set_system_prompt("You help " + std::to_string(Below(3)));
    if (Below(4) == 0) event.set_prompt("Prompt " + std::to_string(Below(100)) + " \xC3\xA4");
    if (Below(4) == 0) event.set_completion("Answer");
    const bool has_text = !event.system_prompt().empty() || !event.prompt().empty() || !event.completion().empty();
    if (!has_text && Below(2) == 0) SetDigest(*event.mutable_content_digest());
    return event;
  }

 private:
  // Half of the optional fields, found by reflection, so that a new one is tested without being named here.
  void SetAnyFields(v1::UsageEvent& event) {
    using Field = google::protobuf::FieldDescriptor;
    const auto& reflection = *event.GetReflection();
    for (int i = 0; i < event.GetDescriptor()->field_count(); ++i) {
      const Field* field = event.GetDescriptor()->field(i);
      const bool is_name = field->cpp_type() == Field::CPPTYPE_STRING && field->number() < 36;
      if ((!is_name && !field->has_presence()) || field->number() <= 2 || Below(2) == 0) continue;
      switch (field->cpp_type()) {
        case Field::CPPTYPE_STRING:
          reflection.SetString(&event, field, field->name() + "-" + std::to_string(Below(10)));
          break;
        case Field::CPPTYPE_UINT32:
          reflection.SetUInt32(&event, field, static_cast<uint32_t>(100 + Below(400)));
          break;
        case Field::CPPTYPE_UINT64:
          reflection.SetUInt64(&event, field, Below(100'000));
          break;
        case Field::CPPTYPE_INT64:
          reflection.SetInt64(&event, field, static_cast<int64_t>(random_()));
          break;
        case Field::CPPTYPE_DOUBLE:
          reflection.SetDouble(&event, field, 0.25 * static_cast<double>(Below(4)));
          break;
        case Field::CPPTYPE_BOOL:
          reflection.SetBool(&event, field, Below(2) == 0);
          break;
        default:
          break;
      }
    }
  }

  void SetDigest(v1::ContentDigest& digest) {
    digest.set_version(1);
    digest.set_prompt_hash(random_());
    digest.set_template_hash(random_());
    if (Below(2) == 0) digest.set_system_hash(random_());
    digest.set_markers(static_cast<uint32_t>(1 + Below(100)));
    digest.set_prompt_bytes(static_cast<uint32_t>(1 + Below(1000)));
  }

  std::mt19937_64 random_;
};

}  // namespace stillwatch
