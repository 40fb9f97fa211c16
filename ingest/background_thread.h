// Threads of ingest give way to those that answer.
#pragma once

#include <unistd.h>

namespace stillwatch::ingest {

// What the threads of ingest are nicer by than the rest of the daemon (nice(2)): where there are too few processors for
// all, a gateway's question is answered first and senders are slowed. Ingest still gets a tenth of a processor that
// others keep busy.
inline constexpr int kBackgroundNiceness = 10;

// Makes the calling thread, and those it will start, give way. On Linux niceness is a thread's own; it cannot fail to grow.
inline void GiveWay() { (void)!nice(kBackgroundNiceness); }

}  // namespace stillwatch::ingest
