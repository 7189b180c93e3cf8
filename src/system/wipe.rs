//! The allocator: what is freed is wiped, so that no key, passphrase or share stays behind in memory that nobody holds.
//!
//! Libraries copy secrets where `Zeroizing` does not reach: numbers that grow, text that is read line by line, buffers of a
//! parser. All of that is freed here. What C code frees is not: AWS-LC wipes its own (`OPENSSL_free`), and the compressors get no
//! secrets.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;
use std::sync::atomic::{Ordering, compiler_fence};

/// Blocks above this size, in bytes, hold files and not secrets: no secret has more.
const LARGE: usize = 1 << 20;

/// The system's allocator, with blocks wiped before they are freed.
pub struct Wiping;

// SAFETY: all memory comes from `System`, with the layout that the caller gives, and goes back to it with the same; a block
// is written to only while it is the allocator's to free.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is the caller's, of this size, and nobody else's from here on.
        unsafe {
            wipe(block, layout.size());
            System.dealloc(block, layout);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if layout.size() > LARGE {
            // SAFETY: the caller keeps the contract of `realloc`, which is the same.
            return unsafe { System.realloc(block, layout, size) };
        }
        // The system's may move a block and leave the old bytes.
        // SAFETY: the caller gives a size that makes a layout with this alignment, and a block of the old one; the new block is
        // another, and both have the bytes that are copied.
        unsafe {
            let new = System.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                ptr::copy_nonoverlapping(block, new, layout.size().min(size));
                self.dealloc(block, layout);
            }
            new
        }
    }
}

/// Gives memory that was freed back to the system. Threads of a pool have heaps of their own, and use nothing of what this one
/// has freed: after work that took much, and before theirs, the peak would be the sum of both.
pub fn give_memory_back() {
    // SAFETY: it takes no pointer, and touches only pages in which nothing is allocated.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Bytes of the stack that are wiped at the end; the deepest calls of a ceremony need less.
const STACK: usize = 512 << 10;

/// Wipes what calls that have returned left on this thread's stack: numbers that were copied to it, and buffers of parsers.
#[allow(clippy::large_stack_arrays)] // the stack is what is to be wiped
#[inline(never)]
pub fn wipe_stack() {
    let mut unused = [0_u8; STACK];
    std::hint::black_box(&mut unused);
}

/// Work with secrets on a thread that is shared, such as one of a pool: what it left on the stack is wiped when it returns.
pub fn wiping_stack<T>(work: impl FnOnce() -> T) -> T {
    /// Its frames lie below the one that wipes.
    #[inline(never)]
    fn below<T>(work: impl FnOnce() -> T) -> T {
        work()
    }
    let result = below(work);
    wipe_stack();
    result
}

/// Writes zeros that the compiler may not leave out.
///
/// # Safety
/// So many bytes from `block` on can be written.
unsafe fn wipe(block: *mut u8, size: usize) {
    if size > LARGE {
        return;
    }
    // SAFETY: the caller's promise.
    unsafe { ptr::write_bytes(block, 0, size) };
    // The block goes to a function that the compiler knows to make it worthless: without this, the writes would be dead.
    compiler_fence(Ordering::SeqCst);
    std::hint::black_box(block);
}
