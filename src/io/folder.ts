import type { Source } from './source.js';

/** Files that can be asked for by name: a folder on a disk, or files that a web page was given. */
export interface Folder {
  /** For people. */
  readonly name: string;
  /**
   * A file by its path in the folder, with `/` between the parts; undefined where there is none, or it is no file. The parts are names:
   * never empty, `.` or `..`.
   */
  open(path: string): FolderFile | undefined;
}

export interface FolderFile extends Source, Disposable {
  /** For people: its whole path. */
  readonly name: string;
  /** Differs when the contents do, as far as that can be told without reading them: size and time of the last change. */
  readonly stamp: string;
}
