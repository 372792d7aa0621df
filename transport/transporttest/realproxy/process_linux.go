package realproxy

import (
	"os"
	"os/exec"
	"syscall"
	"unsafe"
)

// confine gives the program a process group, an identity and, if jail is not
// "", that folder as its root; and has it killed when its starter ends.
func confine(cmd *exec.Cmd, owner identity, jail string) error {
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Chroot: jail}
	if owner.dropped {
		attr.Credential = &syscall.Credential{Uid: uint32(owner.uid), Gid: uint32(owner.gid)}
	}
	if jail != "" && owner.uid != 0 && !owner.dropped {
		// Only root may change its root; in a user namespace everybody may.
		attr.Cloneflags = syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: owner.uid, HostID: owner.uid, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: owner.gid, HostID: owner.gid, Size: 1}}
	}
	cmd.SysProcAttr = attr
	return nil
}

// awaitEnd returns when the process has ended, and leaves it to be waited for.
func awaitEnd(p *os.Process) {
	const byPid = 1 // P_PID
	var info [128]byte
	for {
		_, _, e := syscall.Syscall6(syscall.SYS_WAITID, byPid, uintptr(p.Pid),
			uintptr(unsafe.Pointer(&info)), syscall.WEXITED|syscall.WNOWAIT, 0, 0)
		if e != syscall.EINTR {
			return
		}
	}
}

// killGroup kills the group that the process leads.
func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }

// holdPort picks a free port of 127.0.0.1 and keeps it bound, without
// listening, until release. A program can still listen on it, since both
// sockets allow the address to be reused (all six programs do), but the
// kernel gives the port to nobody else who asks for any free one.
func holdPort() (port int, release func(), err error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, nil, os.NewSyscallError("socket", err)
	}
	defer func() {
		if err != nil {
			_ = syscall.Close(fd)
		}
	}()
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return 0, nil, os.NewSyscallError("setsockopt", err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, nil, os.NewSyscallError("bind", err)
	}
	addr, err := syscall.Getsockname(fd)
	if err != nil {
		return 0, nil, os.NewSyscallError("getsockname", err)
	}
	return addr.(*syscall.SockaddrInet4).Port, func() { _ = syscall.Close(fd) }, nil
}
