/* One store, one process: a lock on the directory that the kernel releases with the
 * process. The only call of the kernel outside the port in this folder: a simulated disk
 * has no other processes to keep out, and LMDB's files beside it are real ones anyway.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "store/local_state.h"

enum err dir_lock(const char *dir, int *fd) {
	char path[PATH_BYTES];
	*fd = -1;
	enum err err = path_make(path, "%s/lock", dir);
	if (err) return err;
	int f = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (f < 0) return err_from_errno(errno);
	/* An open file description's lock: a second open in this process is refused too. */
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (fcntl(f, F_OFD_SETLK, &lock) != 0) {
		bool held = errno == EAGAIN || errno == EACCES;
		err = held ? ERR_EXISTS : err_from_errno(errno);
		close(f);
		return err;
	}
	*fd = f;
	return ERR_OK;
}

void dir_unlock(int fd) {
	if (fd >= 0) close(fd);
}
