#include "detector/parallel_for.h"

namespace stillwatch::detector {

void SerialFor(size_t count, const std::function<void(size_t)>& body) {
  for (size_t i = 0; i < count; ++i) body(i);
}

}  // namespace stillwatch::detector
